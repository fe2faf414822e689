from tests.browser.chromium import chromium, page, watch
from tests.browser.seed import first_start

__all__ = ["chromium", "first_start", "page", "watch"]
