"""What every route has in front of it: who calls, and whether the call was made before."""
