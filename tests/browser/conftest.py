from tests.browser.chromium import chromium, page, watch

__all__ = ["chromium", "page", "watch"]
