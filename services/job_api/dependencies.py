"""What routes are given: built once by the composition root, handed to each request."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from chassis.clock import Clock
from chassis.database.engine import Database
from chassis.objects.store import ObjectStore
from services.job_api.accounts.api_key_cache import ApiKeyCache
from services.job_api.accounts.application.operators import Operators
from services.job_api.artifacts.application.downloads import Downloads
from services.job_api.files.reader import FileReader
from services.job_api.jobs.application.commands import JobContext
from services.job_api.jobs.notifier import JobEventNotifier
from services.job_api.jobs.stream_slots import StreamSlots
from services.job_api.jobs.streaming import EventStream
from services.job_api.operations.application.dead_letters import VisibleDeadLetters
from services.job_api.operations.application.overview import Operations
from services.job_api.operations.application.status import SystemStatus
from services.job_api.ports import RpcClient
from services.job_api.settings import Settings
from services.job_api.signin.parts import SignIn


@dataclass(frozen=True)
class Dependencies:
    settings: Settings
    database: Database
    rpc: RpcClient
    objects: ObjectStore
    clock: Clock
    jobs: JobContext
    notifier: JobEventNotifier
    stream: EventStream
    stream_slots: StreamSlots
    downloads: Downloads
    operators: Operators
    dead_letters: VisibleDeadLetters
    system_status: SystemStatus
    operations: Operations
    api_keys: ApiKeyCache
    files: FileReader
    sign_in: SignIn


async def _dependencies(request: Request) -> Dependencies:
    # async, or each request would go through a thread for it
    found: Dependencies = request.app.state.dependencies
    return found


WithDependencies = Annotated[Dependencies, Depends(_dependencies)]
