"""What was written on a chart, which is a picture to the browser."""

from playwright.async_api import Locator

from tests.fixtures.waiting import tries

# For a window, before its page: keeps each text that is drawn on a canvas.
LISTEN = """
  const fill = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
    (this.canvas.texts ??= new Set()).add(String(text));
    return fill.call(this, text, ...place);
  };"""


async def labels(chart: Locator) -> set[str]:
    """Every text on it so far, once there is one. Raises AssertionError."""
    async for _ in tries():
        found = await chart.locator("canvas").evaluate_all("them => them.flatMap((canvas) => [...canvas.texts ?? []])")
        if found:
            return set(found)
    raise AssertionError("nothing was drawn")
