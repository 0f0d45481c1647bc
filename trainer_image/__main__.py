"""`python -m trainer_image`: the trainer, and above it the process that tells what it prints."""

from trainer_image.output.process import run_and_tell


def train() -> None:
    # Imported in the trainer's process only: what goes wrong here is told as well.
    from trainer_image.train_lora import main

    main()


run_and_tell(train)
