"""One short transaction each: load, let the domain decide, save the state with what is to be said."""
