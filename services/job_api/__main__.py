from chassis.runtime import serve
from services.job_api.app import create_app
from services.job_api.settings import Settings

settings = Settings()
serve(create_app(settings), settings)
