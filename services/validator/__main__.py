from chassis.runtime import serve
from services.validator.app import build_app
from services.validator.settings import Settings

settings = Settings()
serve(build_app(settings), settings)
