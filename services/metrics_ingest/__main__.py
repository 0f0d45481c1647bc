from chassis.runtime import serve
from services.metrics_ingest.app import build_app
from services.metrics_ingest.settings import Settings

settings = Settings()
serve(build_app(settings), settings)
