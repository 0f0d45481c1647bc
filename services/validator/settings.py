from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    service_name: str = "validator"
