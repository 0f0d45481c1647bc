"""Problem documents at the HTTP edge: `install(app)` once per FastAPI app."""

from chassis.web.problems.handlers import UnexpectedErrorMiddleware, error_docs, install, problem_response

__all__ = ["UnexpectedErrorMiddleware", "error_docs", "install", "problem_response"]
