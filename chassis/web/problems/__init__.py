"""Problem documents at the HTTP edge: `install(app)` once per FastAPI app."""

from chassis.web.problems.handlers import install, problem_response

__all__ = ["install", "problem_response"]
