from chassis.web.server import serve
from chassis.web_runtime import operations_app
from services.dashboard.app import create_app
from services.dashboard.settings import Settings

settings = Settings()
app = create_app(settings)
serve(app, settings, operations=operations_app(app.state.runtime))
