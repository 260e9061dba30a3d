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

// MultiQC cannot be told how numbers stand on an axis, nor in which order lines stand in a legend
const TICKS = (axis, places) => {
  if (!axis) return;
  // 0.0006 and 20,000, not 600µ and 20k
  Object.assign(axis, { exponentformat: "none", separatethousands: true });
  if (axis.type !== "log") return;
  // 200, 500, 1,000: not the bare digits 2 and 5 between powers of ten
  const logs = places.filter((value) => value > 0).map(Math.log10);
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const steps = high - low > 2.5 ? [1] : [1, 2, 5];
  axis.tickvals = [...Array(19).keys()].flatMap((i) => steps.map((s) => Number(`${s}e${i - 9}`)));
  if (high - low < 0.7) {
    // within one power of ten the steps are even
    const third = (10 ** high - 10 ** low) / 3;
    const power = 10 ** Math.floor(Math.log10(third));
    const step = power * [5, 2, 1].find((times) => times * power <= third);
    const first = Math.ceil(10 ** low / step);
    axis.tickvals = [...Array(60).keys()].map((i) => Number(((first + i) * step).toPrecision(9)));
  }
  axis.ticktext = axis.tickvals.map(
    (value) => value.toLocaleString("en", { maximumFractionDigits: 9 }) + (axis.ticksuffix || ""));
  axis.tickmode = "array";
};
// beside a narrow figure a legend takes the room of the figure
const fit = (layout, width) => {
  layout.legend ??= {};
  const below = { orientation: "h", x: 0, xanchor: "left", y: 0, yanchor: "bottom", yref: "container" };
  const beside = { orientation: "v", x: 1.02, xanchor: "left", y: 1, yanchor: "auto", yref: "paper" };
  Object.assign(layout.legend, width < 700 ? below : beside);
};
for (const name of window.Plotly ? ["newPlot", "react"] : []) {
  const draw = Plotly[name];
  Plotly[name] = (place, traces, layout, ...more) => {
    for (const letter of ["x", "y"]) {
      TICKS(layout[`${letter}axis`], traces.flatMap((trace) => [...(trace[letter] || [])]));
    }
    const order = Object.keys(window.mqc_plots?.[place]?.pconfig?.colors || {});
    traces.forEach((trace) => {
      const rank = order.indexOf(trace.name);
      trace.legendrank = 1000 + (rank < 0 ? order.length : rank);
    });
    fit(layout, document.getElementById(place)?.clientWidth);
    return draw(place, traces, layout, ...more);
  };
}

// on paper nothing can be opened, and a page is as wide as 700 pixels
const PAPER = { width: 690, height: 400 };
const figures = () => document.querySelectorAll(".js-plotly-plot");
const resize = (figure, width, height) => {
  const frame = figure.closest(".hc-plot-wrapper") || figure;
  const before = { frame: frame.style.height, width: figure.layout.width, height: figure.layout.height };
  if (height) frame.style.height = `${height}px`;
  fit(figure.layout, width);
  Plotly.relayout(figure, { width, height });
  return before;
};
addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((part) => { part.open = true; });
  figures().forEach((figure) => {
    // two figures a page, but bars of many samples as high as they are
    const { height } = figure.layout;
    figure.before_print = resize(figure, PAPER.width, [500, 560].includes(height) ? PAPER.height : height);
  });
});
addEventListener("afterprint", () => {
  figures().forEach((figure) => {
    resize(figure, figure.before_print.width, figure.before_print.height);
    (figure.closest(".hc-plot-wrapper") || figure).style.height = figure.before_print.frame;
  });
});

// names of samples stand in a column as wide as the longest
addEventListener("DOMContentLoaded", () => {
  const names = [...document.querySelectorAll(".sf-folded summary b")];
  const widest = Math.max(0, ...names.map((name) => name.textContent.length));
  document.documentElement.style.setProperty("--sf-name", Math.min(widest + 1, 40));
});
