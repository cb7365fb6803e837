/* What is looked at stands in the address: filters, order, time, site and the map's place; the back button goes back. */
window.Sntry = window.Sntry || {};

Sntry.address = (() => {
  const read = () => new URLSearchParams(location.search);

  const get = (name) => read().get(name) || "";

  /* Empty values leave the address. `push` makes a step for the back button. */
  function set(values, { push = false } = {}) {
    const query = read();
    for (const [name, value] of Object.entries(values)) {
      if (value === "" || value === null || value === undefined) query.delete(name);
      else query.set(name, value);
    }
    query.delete("before");
    const text = query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
    const address = location.pathname + (text && `?${text}`);
    if (address === location.pathname + location.search) return;
    history[push ? "pushState" : "replaceState"](null, "", address);
  }

  /* The query with only these names, for asking the server. */
  function only(names, more = {}) {
    const query = new URLSearchParams();
    for (const name of names) if (get(name)) query.set(name, get(name));
    for (const [name, value] of Object.entries(more)) if (value) query.set(name, value);
    return query.toString();
  }

  return { get, set, only };
})();
