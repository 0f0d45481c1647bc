from chassis.runtime import serve
from services.provisioner.app import build_app
from services.provisioner.settings import Settings

if __name__ == "__main__":
    settings = Settings()
    serve(build_app(settings), settings)
