"""The shapes of requests and answers. Requests are validated by them; answers are documented and tested by them."""
