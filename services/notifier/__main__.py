from chassis.runtime import serve
from services.notifier.app import build_app
from services.notifier.settings import Settings

settings = Settings()
serve(build_app(settings), settings)
