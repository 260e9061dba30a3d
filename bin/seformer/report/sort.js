// a click on a head sorts its table by that column, a second one the other way round
document.addEventListener("click", (event) => {
  const head = event.target.closest(".sf-sortable th");
  if (!head) return;
  const table = head.closest("table");
  const column = [...head.parentNode.children].indexOf(head);
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const text = (row) => row.children[column].textContent;
  const value = (row) => Number(text(row).replace("−", "-").replaceAll(",", "") || NaN);
  const rows = [...table.tBodies[0].rows].sort((a, b) =>
    value(a) - value(b) || text(a).localeCompare(text(b), "en", { numeric: true }));
  table.tBodies[0].append(...(down ? rows.reverse() : rows));
});
