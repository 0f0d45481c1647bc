"""Templates: those of the product, saving a job as one, using, sharing, deleting."""

import re
from uuid import uuid4

from services.job_api.edge.auth import Role
from tests.services.dashboard.conftest import Browser

HOSTILE = '<script>alert("x")</script>'


async def saved(browser: Browser, job: dict, **fields) -> None:
    path = f"/jobs/{job['id']}/template"
    answer = await browser.send(path, page=path, **({"name": "Kept"} | fields))
    assert answer.headers["location"] == "/templates?notice=template-saved"


async def test_those_of_the_product_are_there(browser) -> None:
    page = (await browser.get("/templates")).text
    for words in ("Quick test", "Standard production", "Maximum quality", "Comes with the product", "0 jobs",
                  "None has ended yet"):
        assert words in page, words
    assert "/delete" not in page
    assert "No template is like that" in (await browser.get("/templates?q=nothing")).text


async def test_a_job_becomes_a_template_and_a_job_again(api, browser) -> None:
    job = await api.new_job(name="Origin", preset="aggressive", hyperparameters={"num_epochs": 7}, tags=["calm"])
    assert f'href="/jobs/{job["id"]}/template"' in (await browser.get(f"/jobs/{job['id']}")).text
    assert 'value="Origin"' in (await browser.get(f"/jobs/{job['id']}/template")).text
    await saved(browser, job, description="for calm ones", with_file="yes")
    [template] = (await api.client.get("/templates?visibility=private")).json()["data"]
    assert (template["training_file_id"], template["tags"]) == (job["training_file_id"], ["calm"])
    page = (await browser.get("/templates?notice=template-saved")).text
    for words in ("Kept", "for calm ones", "Yours alone", "The template was saved.", "instead of 4"):
        assert words in page, words
    form = (await browser.get(f"/new-job?template_id={template['id']}")).text
    assert re.search(r'name="num_epochs"[^>]*value="7"', form)
    assert re.search(r'value="aggressive" checked', form)
    answer = await browser.send("/new-job/start", page="/new-job", training_file_id=job["training_file_id"],
                                preset="aggressive", template_id=template["id"], name="Again")
    assert answer.status_code == 303, answer.text
    again = await api.job(answer.headers["location"].split("/")[2].split("?")[0])
    assert again["template_id"] == template["id"]
    assert again["configuration"]["hyperparameters"]["num_epochs"] == 4  # emptied in the form: the preset's
    assert again["tags"] == []
    assert "1 job<" in (await browser.get("/templates")).text


async def test_one_is_shared_taken_back_and_deleted(api, browser) -> None:
    await saved(browser, await api.new_job())
    [template] = (await api.client.get("/templates?visibility=private")).json()["data"]
    assert template["training_file_id"] is None
    for wanted, words in (("shared", "Shared"), ("private", "Yours alone")):
        answer = await browser.send(f"/templates/{template['id']}/visibility", page="/templates", visibility=wanted)
        assert answer.headers["location"] == f"/templates?notice=template-{wanted}"
        assert words in (await browser.get(answer.headers["location"])).text
    answer = await browser.send(f"/templates/{template['id']}/delete", page="/templates")
    assert answer.headers["location"] == "/templates?notice=template-deleted"
    assert (await api.client.get("/templates?visibility=private")).json()["data"] == []


async def test_refusals_are_told_on_the_page(api, browser) -> None:
    job = await api.new_job()
    path = f"/jobs/{job['id']}/template"
    answer = await browser.send(path, page=path, name="x" * 300)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "x" * 300 in answer.text
    quick = (await api.client.get("/templates?visibility=built_in")).json()["data"][0]["id"]
    for action in ("delete", "visibility"):
        answer = await browser.send(f"/templates/{quick}/{action}", page="/templates", visibility="shared")
        assert answer.status_code == 409
        assert 'role="alert"' in answer.text


async def test_markup_is_text_and_private_ones_are_nobody_elses(api, browser, dashboard) -> None:
    job = await api.new_job(client=HOSTILE)
    await saved(browser, job, name=HOSTILE, description=HOSTILE)
    page = (await browser.get("/templates")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    [template] = (await api.client.get("/templates?visibility=private")).json()["data"]
    client = await api.member(*Role, workspace_id=uuid4())
    stranger = await Browser(dashboard).sign_in(client.headers["authorization"].removeprefix("Bearer "))
    assert "script&gt;" not in (await stranger.get("/templates")).text
    for path in (f"/new-job?template_id={template['id']}", f"/jobs/{job['id']}/template"):
        assert (await stranger.get(path)).status_code == 404
    answer = await stranger.send(f"/templates/{template['id']}/delete", page="/templates")
    assert answer.status_code == 404
