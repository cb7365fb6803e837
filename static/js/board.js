/* The board's beginning, its filters, and the way back. */
window.Sntry = window.Sntry || {};

Sntry.board = (() => {
  const PLACES = ["operator", "city", "type"];
  const form = document.getElementById("filters");
  const orders = document.getElementById("at-risk-orders");

  const asked = () => Object.fromEntries(PLACES.map((name) => [name, form.elements[name].value]));

  function onFilter(event) {
    const { name, value } = event.target;
    if (!name) return;
    Sntry.address.set({ [name]: value, map: PLACES.includes(name) ? "" : Sntry.address.get("map") }, { push: true });
    apply(PLACES.includes(name));
  }

  function apply(isPlace) {
    Sntry.sites.narrow(form.elements.level.value);
    document.getElementById("clear-filters").hidden = ![...PLACES, "level"].some((name) => form.elements[name].value);
    if (!isPlace) return;
    Sntry.map.again();
    Sntry.live.ask(asked());
    Sntry.events.reload();
  }

  function onOrder(event) {
    const link = event.target.closest("a[data-order]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    Sntry.address.set({ order: link.dataset.order === "loss" ? "" : link.dataset.order }, { push: true });
    showOrder();
    Sntry.list.first();
  }

  function showOrder() {
    const order = Sntry.address.get("order") || "loss";
    for (const link of orders.querySelectorAll("a[data-order]")) {
      if (link.dataset.order === order) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    document.getElementById("at-risk-value").textContent = order === "index" ? "Index" : "Loss, est.";
  }

  /* The back button: everything becomes what the address says. */
  function onBack() {
    const before = JSON.stringify(asked());
    for (const name of [...PLACES, "level"]) form.elements[name].value = Sntry.address.get(name);
    showOrder();
    Sntry.events.readAddress();
    apply(before !== JSON.stringify(asked()));
    if (Sntry.address.get("map")) Sntry.map.setStart();
    choose();
    Sntry.time.readAddress();
    Sntry.list.render({ force: true });
  }

  function choose() {
    const row = Sntry.sites.rowNamed(Sntry.address.get("site"));
    const id = row >= 0 ? Sntry.sites.ids[row] : null;
    if (id === Sntry.list.selected) return;
    if (id === null) Sntry.list.unselect();
    else Sntry.list.select(id, { isFromAddress: true });
  }

  /* Other sites: rows are counted anew, and the chosen one may not be among them. */
  function again() {
    const row = Sntry.sites.row(Sntry.list.selected);
    if (Sntry.list.selected === null) { if (Sntry.address.get("site")) choose(); }
    else if (row === undefined) Sntry.list.unselect();
    else Sntry.map.select(row, { isFromAddress: true });
  }

  function start() {
    Sntry.map.start();
    Sntry.list.start();
    Sntry.events.start();
    Sntry.time.start();
    Sntry.route.start();
    form.addEventListener("change", onFilter);
    orders.addEventListener("click", onOrder);
    document.getElementById("clear-filters").addEventListener("click", (event) => {
      event.preventDefault();
      for (const name of [...PLACES, "level"]) form.elements[name].value = "";
      Sntry.address.set({ operator: "", city: "", type: "", level: "", map: "" }, { push: true });
      apply(true);
    });
    Sntry.sites.narrow(form.elements.level.value);
    document.getElementById("follow-map").checked = Sntry.address.get("follow") !== "no";
    addEventListener("popstate", onBack);
    document.addEventListener("sntry:sites", (event) => { if (event.detail === "whole") again(); });
    Sntry.live.start();
  }

  return { start, asked };
})();

Sntry.board.start();
