/* The list beside the map: which site is selected, how the list is sorted, which events are shown. */
window.Sntry = window.Sntry || {};

Sntry.list = (() => {
  let selected = null;

  function select(id, options) {
    selected = id;
    refresh();
    Sntry.map.select(id, options);
    const address = document.getElementById("actions").dataset.url.replace("/0/", `/${id}/`);
    htmx.ajax("GET", address, { target: "#actions", swap: "innerHTML" });
  }

  /* Marks the selected row again after the list was replaced. */
  function refresh() {
    for (const row of document.querySelectorAll("#at-risk tr[data-site]")) {
      const isSelected = Number(row.dataset.site) === selected;
      row.toggleAttribute("data-selected", isSelected);
      row.querySelector("button").setAttribute("aria-pressed", String(isSelected));
    }
  }

  function price(text) {
    const [whole, cents = ""] = String(text).split(".");
    return `$${whole}.${cents.replace(/0+$/, "").padEnd(2, "0")}`;
  }

  function start() {
    document.addEventListener("click", (event) => {
      const order = event.target.closest("a[data-order]");
      if (order && Sntry.live.ask(order.dataset.order)) {
        event.preventDefault();
        history.replaceState(null, "", order.getAttribute("href"));
        return;
      }
      const shown = event.target.closest("[data-show]");
      if (shown) { select(Number(shown.dataset.show), { show: true }); return; }
      const row = event.target.closest("#at-risk [data-site]");
      if (row) select(Number(row.dataset.site));
    });
    const filter = document.getElementById("event-filter");
    filter.addEventListener("change", () => { document.getElementById("events").dataset.filter = filter.value; });
  }

  return { start, select, refresh, price };
})();
