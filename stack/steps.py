"""The steps of a first run, with what each takes on two cores with packages downloaded already."""

from stack.progress import Step

ENVIRONMENT = Step("environment", "Make the Python environment", 6)
PACKAGES = Step("packages", "Install the locked packages (230 MB to download the first time)", 20)
TORCH = Step("torch", "Install PyTorch (180 MB the first time) and compile what a start needs", 10)
WEB_PAGE = Step("web-page", "Fetch what the web page gives to browsers (npm)", 5)
INSTALLATION = (ENVIRONMENT, PACKAGES, TORCH)

START = Step("start", "Start the system", 20)
TRAIN = Step("train", "Train on examples/sample.json", 40, speaks=True)
DOWNLOAD = Step("download", "Download the adapter", 2)
INTERRUPTED = Step("train-interrupted", "Train on examples/sample.json on machines of the fake RunPod", 60, speaks=True)
VERIFY = Step("verify", "Load it in a fresh process", 10)
DEMO = (START, TRAIN, DOWNLOAD, VERIFY)
