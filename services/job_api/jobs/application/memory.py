"""A run that cannot fit its machine is refused before it costs anything."""

from contracts.events import TrainingFileReference
from contracts.model_memory import Fit, Run, fit
from services.job_api.jobs.domain.configuration import Configuration
from services.job_api.jobs.errors import DoesNotFit
from services.job_api.machines import Machines


def require_fit(machines: Machines, configuration: Configuration, file: TrainingFileReference) -> Fit | None:
    """The memory of this run; None where the model or the machine is not known. Raises DoesNotFit."""
    memory, shape = machines.memory(configuration.gpu_type), machines.shape(configuration.base_model)
    if memory is None or shape is None:
        return None
    run = Run(shape, configuration.hyperparameters, file.longest_conversation_tokens)
    found = fit(run, configuration.gpu_type, memory)
    if not found.fits:
        raise DoesNotFit(configuration.gpu_type, configuration.hyperparameters.lora_rank, found)
    return found
