// The view of the genome: igv.js over what is in the page, nothing from the network. Everything is
// unpacked when the view comes into sight, so that a page that is only read stays quick.
(() => {
  const view = document.getElementById("sf-genome");
  const where = document.getElementById("sf-genome-where");
  const ATTRIBUTION = "attribution";
  let data, browser, starting;
  let shown = { set: 0, region: 0 };

  const unpack = (id) => {
    const packed = atob(document.getElementById(id).textContent);
    const bytes = Uint8Array.from(packed, (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };

  const regions = () => data.sets[shown.set].regions;

  // The base with the highest attribution of either sign among those that stand for one step of a
  // wide view: a mean would hide single bases. Where regions overlap the one that was clicked counts,
  // then that with the higher score.
  function attributions(chr, start, end) {
    // letters where there is room for them
    const track = browser?.findTracks((t) => t.name === ATTRIBUTION)[0];
    if (track) track.graphType = browser.referenceFrameList[0].bpPerPixel < 0.25 ? "dynseq" : "bar";
    const step = Math.max(1, Math.ceil((end - start) / 12000));
    const own = regions();
    const order = [own[shown.region], ...own.filter((_, i) => i !== shown.region)];
    const before = [], features = [];
    for (const region of order) {
      if (region.chrom !== chr || region.end <= start || region.start >= end) continue;
      const last = Math.min(region.end, end);
      const first = Math.max(region.start, Math.floor(start));
      for (let at = first; at < last; ) {
        const covered = before.find((r) => r.start <= at && at < r.end);
        if (covered) { at = covered.end; continue; }
        const stop = Math.min(last, (Math.floor(at / step) + 1) * step,
          ...before.filter((r) => r.start > at).map((r) => r.start));
        let value = 0;
        for (let i = at; i < stop; i++) {
          const v = region.values[i - region.start];
          if (Math.abs(v) > Math.abs(value)) value = v;
        }
        features.push({ chr, start: at, end: stop, value });
        at = stop;
      }
      before.push(region);
    }
    return features.sort((a, b) => a.start - b.start);
  }

  const places = (kind) => (chr, start, end) => data.sets[shown.set].tracks[kind]
    .filter((f) => f[0] === chr && f[1] < end && f[2] > start)
    .map(([, from, to, name, strand, color]) => ({ chr, start: from, end: to, name, strand, color }));

  // asked again at every move: what is shown hangs on the region that was clicked
  const reading = (read) => ({
    reader: { readFeatures: async (...place) => read(...place) },
    disableCache: true, expandQuery: false, searchable: false,
  });

  async function start() {
    const [code, text] = await Promise.all([unpack("sf-igv-code"), unpack("sf-genome-data")]);
    data = JSON.parse(text);
    const script = document.createElement("script");
    script.textContent = code;
    document.head.append(script);
    // igv.js draws one stretch at a time: those near one another are one, unknown in between
    const stretches = [];
    for (const [chrom, from, bases] of data.sequences) {
      const last = stretches.at(-1);
      const gap = last?.chrom === chrom ? from - last.from - last.bases.length : Infinity;
      if (gap <= 20000) last.bases += "N".repeat(gap) + bases;
      else stretches.push({ chrom, from, bases });
    }
    const fasta = stretches.map(({ chrom, from, bases }) =>
      `>${chrom}:${from + 1}-${from + bases.length} @len=${data.chromosomes[chrom]}\n${bases}\n`);
    const annotation = ({ kind, name, color }) => ({
      type: "annotation", format: "bed", name, color, displayMode: "EXPANDED", height: 45,
      autoHeight: true, maxHeight: 110, ...reading(places(kind)),
    });
    browser = await igv.createBrowser(view, {
      reference: {
        id: "explained", name: "", fastaURL: "data:text/plain;base64," + btoa(fasta.join("")),
        wholeGenomeView: false, showIdeogram: false,
      },
      loadDefaultGenomes: false, search: false, queryParametersSupported: false,
      showChromosomeWidget: false, showCenterGuideButton: false, showSampleNameButton: false,
      showROITableButton: false, showCursorTrackingGuideButton: false, showTrackLabelButton: false,
      nucleotideColors: data.colours.bases, locus: locus(),
      tracks: [
        {
          type: "wig", name: ATTRIBUTION, height: 150, autoscale: true,
          color: data.colours.SE, altColor: data.colours.TE, ...reading(attributions),
        },
        ...data.tracks.map(annotation),
      ],
    });
    // it has no setting, and on a narrow screen there is no room for it
    browser.navbar.multiTrackSelectButton.button.style.display = "none";
  }

  function locus(bases) {
    const region = regions()[shown.region];
    let [from, to] = [region.start, region.end];
    if (bases) {
      // where ten bases have most attribution, whatever its sign
      let best = 0, most = -1, sum = 0;
      region.values.forEach((value, i) => {
        sum += Math.abs(value) - (i < 10 ? 0 : Math.abs(region.values[i - 10]));
        if (sum > most) [best, most] = [i - 4, sum];
      });
      from = Math.max(region.start, region.start + best - 40);
      to = Math.min(region.end, from + 80);
      from = Math.max(region.start, to - 80);
    }
    return `${region.chrom}:${from + 1}-${to}`;
  }

  async function show(set, region, bases) {
    shown = { set, region };
    for (const row of document.querySelectorAll(".sf-genome-list tr")) {
      row.classList.toggle("sf-shown", row.dataset.set === `${set}` && row.dataset.region === `${region}`);
    }
    try {
      await (starting ??= start());
      await browser.search(locus(bases));
      // the same place of another set has other values
      await browser.updateViews();
      view.classList.add("sf-drawn");
      where.textContent = document.querySelector(".sf-genome-list .sf-shown .sf-place").textContent;
    } catch (error) {
      view.textContent = view.dataset.failed;
      throw error;
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".sf-genome-list button");
    if (!button) return;
    const { set, region } = button.closest("tr").dataset;
    show(Number(set), Number(region), button.classList.contains("sf-bases"));
    view.scrollIntoView({ block: "nearest", behavior: "smooth" });
  });
  const sight = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    sight.disconnect();
    if (!starting) show(0, 0, false);
  }, { rootMargin: "400px" });
  sight.observe(view);
})();
