"""States and messages of released versions, and that this version goes on from them."""
