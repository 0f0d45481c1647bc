"""Load, decide, save: each function is one short transaction's worth of work, or one answer."""
