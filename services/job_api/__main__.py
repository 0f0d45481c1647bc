from chassis.runtime import operations_app, serve
from services.job_api.app import create_app
from services.job_api.settings import Settings

settings = Settings()
app = create_app(settings)
serve(app, settings, operations=operations_app(app.state.runtime))
