/* What is said of one site: in the map's popup and in the rows of the list. All of it is set as text. */
window.Sntry = window.Sntry || {};

Sntry.price = (text) => {
  const [whole, cents = ""] = String(text).split(".");
  return `$${whole}.${cents.replace(/0+$/, "").padEnd(2, "0")}`;
};

Sntry.dollars = (amount) => `$${amount.toLocaleString("en", Math.abs(amount) < 10
  ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : { maximumFractionDigits: 0 })}`;

Sntry.riskWords = (site) => (site.risk === null ? "not told then" : `${site.risk} % (${site.level})`);

Sntry.whyOf = (site) => {
  if (site.reason) return site.reason;
  const out = site.out ? `, ${site.out} of ${site.ports} ports out` : "";
  return `${site.utilization} % in use, usually ${site.usual} %${out}`;
};

Sntry.describe = (site) => {
  const box = document.createElement("div");
  const add = (parent, tag, text, className = "") => {
    const element = document.createElement(tag);
    element.textContent = text;
    element.className = className;
    parent.append(element);
    return element;
  };
  add(box, "span", site.name, "popup-name");
  const facts = add(box, "dl", "", "popup-facts");
  const rows = [
    ["Risk, 24 h", Sntry.riskWords(site)], ["Expected loss", `${Sntry.dollars(site.loss)}/h, estimate`],
    ["Price", Sntry.price(site.price)], ["In use", `${site.utilization} %, usually ${site.usual} %`],
    ["Ports free", `${site.available} of ${site.ports}`], ["Wait, estimate", `${site.wait} min`],
    ["Temperature", `${site.temperature} °F`],
  ];
  for (const [term, value] of rows) {
    add(facts, "dt", term);
    add(facts, "dd", value);
  }
  const operator = site.name.includes(site.operator) ? "" : `${site.operator}.`;
  add(box, "span", `${operator} ${site.reason || "Nothing unusual."}`.trim(), "popup-why");
  return box;
};
