"""The page's own style: boxes of the verdict, tables, small drawings."""

STYLE = """<style>
.sf-verdict{border:1px solid var(--bs-border-color,#ccc);border-radius:6px;margin:0 0 .8rem;
padding:.6rem .9rem}
.sf-verdict summary{cursor:pointer;font-size:1.05rem}
.sf-verdict summary b{margin-right:.6rem}
.sf-verdict ul{list-style:none;margin:.6rem 0 .2rem;padding:0;max-width:60rem}
.sf-verdict li{border-left:4px solid;margin:.45rem 0;padding:.1rem 0 .1rem .7rem}
.sf-good{border-color:#0072B2!important}.sf-note{border-color:#8A8A8A!important}
.sf-warning{border-color:#E69F00!important}.sf-bad{border-color:#D55E00!important}
.sf-sign{border-radius:50%;color:#fff;display:inline-block;font-size:.78rem;font-weight:700;
height:1.25rem;line-height:1.25rem;margin-right:.35rem;text-align:center;width:1.25rem}
.sf-sign.sf-good{background:#0072B2}.sf-sign.sf-note{background:#707070}
.sf-sign.sf-warning{background:#B87A00}.sf-sign.sf-bad{background:#D55E00}
.sf-count{margin-right:.7rem;white-space:nowrap}
.sf-folded{margin-bottom:.35rem;padding:.35rem .9rem}.sf-folded summary{font-size:.95rem}
.sf-folded summary b,.sf-folded .sf-count{display:inline-block;vertical-align:middle}
.sf-folded summary b{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;width:8.5rem}
.sf-folded .sf-count{width:7.1rem;margin-right:.2rem}
.sf-head{color:var(--bs-secondary-color,#666);margin-left:.2rem}
.sf-table{width:auto;font-variant-numeric:tabular-nums}
.sf-table caption{caption-side:top;padding-top:0}
.sf-table td,.sf-table th{padding:.3rem .5rem;vertical-align:middle}
.sf-table .sf-num{text-align:right}
.sf-table small{color:var(--bs-secondary-color,#666);display:block;font-size:.75rem;
white-space:nowrap}
.sf-table .sf-note{max-width:9rem;white-space:normal;margin-left:auto}
.sf-name{display:inline-block;min-width:8rem}.sf-name::first-letter{text-transform:uppercase}
.sf-axis{stroke:currentColor;stroke-opacity:.35;stroke-width:1}
.sf-mark{stroke:currentColor;stroke-dasharray:2 3;stroke-width:1}
.sf-tracks{display:grid;gap:.9rem 1.6rem;grid-template-columns:repeat(auto-fit,minmax(22rem,1fr))}
.sf-tracks figure{margin:0}.sf-tracks svg{display:block;height:72px;width:100%}
.sf-tracks figcaption{font-size:.85rem}
.sf-logos{display:grid;gap:.6rem 1.2rem;grid-template-columns:repeat(auto-fill,minmax(19rem,1fr));
margin:.4rem 0 1rem}
.sf-wide{grid-template-columns:repeat(auto-fill,minmax(30rem,1fr))}
.sf-logos img{background:#fff;height:auto;max-width:100%}
.sf-methods{border-left:4px solid var(--bs-border-color,#ccc);max-width:52rem;padding-left:1rem}
.mqc-section-description{max-width:60rem}
.mqc-section .g-gtitle{display:none}
@media print{
.mqc-toolbox-buttons,.mqc-toolbox-label,.hc-plot-handle{display:none!important}
.mainpage{margin:0!important;width:100%!important}
h1,h2,h3,h4,.mqc-section-description{break-after:avoid}
.sf-verdict,.sf-table tr,.sf-tracks figure,.sf-logos>*,.mqc_hcplot_plotgroup{break-inside:avoid}
.sf-table{font-size:8.5pt}.sf-verdict ul,.sf-methods,.mqc-section-description{max-width:none}
}
#page_title,#mqc_welcome{display:none!important}
</style>"""
