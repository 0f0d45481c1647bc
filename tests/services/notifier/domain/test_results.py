from datetime import timedelta

from services.notifier.domain.results import Result, Status, failed


def test_a_failure_is_tried_again_until_the_delays_are_used_up() -> None:
    def after(failures: int, **said) -> Result:
        return failed(failures, "no", **{"permanent": False, "asked_s": None, "delays_s": (5.0,), **said})

    assert after(1) == Result(Status.PENDING, 1, "no", timedelta(seconds=5))
    assert after(1, asked_s=60.0).again_in == timedelta(seconds=60)
    assert after(2) == Result(Status.FAILED, 2, "no")
    assert after(1, permanent=True, asked_s=60.0) == Result(Status.FAILED, 1, "no")
