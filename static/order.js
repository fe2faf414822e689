// An order that is kept: once rows have come to rest, their ids are sent by the form that stands for their list.
(function () {
  "use strict";

  const REST = 500; // milliseconds without a further move

  document.addEventListener("rows-moved", (event) => {
    const list = event.target;
    const form = document.querySelector('form[data-order-of="' + list.id + '"]');
    if (!form) return;
    clearTimeout(list.resting);
    list.resting = setTimeout(() => {
      form.elements.ids.value = [...list.querySelectorAll("[data-row]")].map((row) => row.dataset.row).join(" ");
      for (const shared of list.closest("section").querySelectorAll("[data-shares]")) shared.remove(); // from now on no two are alike
      form.requestSubmit();
    }, REST);
  });
})();
