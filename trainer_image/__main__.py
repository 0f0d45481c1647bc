"""`python -m trainer_image`."""

from trainer_image.train_lora import main

main()
