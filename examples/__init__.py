"""Sample training files and the programs that write them."""
