"""What a training delivered: listed, packed, handed out, and who took it."""
