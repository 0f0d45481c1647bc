"""What a trainer printed: from the store, which outlives the machine; from the machine where the store has nothing,
as of a container that never came so far as to tell."""

from dataclasses import replace

from contracts.rpc import logs, pods
from services.job_api.jobs.domain.machine_log import lines_of
from services.job_api.jobs.domain.trainer_output import (
    STORE_OFFSET,
    TrainerOutput,
    of_machine,
    stored,
    stored_text,
)
from services.job_api.ports import RpcClient

_MOST_OF_A_MACHINE = 500_000


async def read_lines(rpc: RpcClient, query: logs.LogLinesQuery, newest_attempt: int) -> TrainerOutput:
    """`newest_attempt` of the job; 0 before the first. Raises what the services say, and ServiceUnavailable."""
    wanted = query.model_copy(update={"attempt": query.attempt or newest_attempt or None})
    page = await rpc.request(logs.LOG_LINES, wanted)
    if page.attempt is not None:
        return stored(page)
    machine = await rpc.request(pods.POD_LOG, pods.LogQuery(
        job_id=query.job_id, workspace_id=query.workspace_id, attempt=query.attempt, max_bytes=_MOST_OF_A_MACHINE))
    if not machine.text and query.attempt is None and page.attempts:
        return stored(await rpc.request(logs.LOG_LINES, query))
    found = lines_of(machine.text, machine.attempt, query)
    return replace(found, attempts=page.attempts, details=machine.details, next_offset=machine.next_offset)


async def read_text(rpc: RpcClient, query: pods.LogQuery) -> TrainerOutput:
    """From a byte on; where the machine's log is gone, the lines that were told."""
    if query.offset >= STORE_OFFSET:
        return await _stored_text(rpc, query)
    machine = await rpc.request(pods.POD_LOG, query)
    if machine.text or not machine.end or query.offset:
        return of_machine(machine)
    told = await _stored_text(rpc, query)
    return told if told.text else of_machine(machine)


async def _stored_text(rpc: RpcClient, query: pods.LogQuery) -> TrainerOutput:
    page = await rpc.request(logs.LOG_LINES, logs.LogLinesQuery(
        job_id=query.job_id, workspace_id=query.workspace_id, attempt=query.attempt,
        after=max(0, query.offset - STORE_OFFSET), limit=logs.MOST_LINES_OF_A_PAGE))
    return stored_text(page, query.max_bytes)
