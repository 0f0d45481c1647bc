"""What the API says of itself to whoever finds it: its address, its documentation, its errors. Open to everybody."""
