// Makes the dashboard an app that can be installed, where the browser allows it (https, or this machine).
(function () {
  "use strict";
  if (!("serviceWorker" in navigator) || !isSecureContext) return;
  addEventListener("load", () => {
    navigator.serviceWorker.register("/service-worker.js").catch(() => {
      // Private windows and strict settings refuse it: then there is no page for when the gateway is away, and nothing else is lost.
    });
  });
})();
