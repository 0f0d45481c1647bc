from chassis.runtime import serve
from services.cost_guard.app import build_app
from services.cost_guard.settings import Settings

settings = Settings()
serve(build_app(settings), settings)
