"""Points, attempts and series: pure rules over columns."""
