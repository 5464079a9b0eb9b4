"""How a report looks: light or dark as the reader's system is, and on paper."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark;
  --page: #ffffff; --ink: #1b1f24; --faint: #57606a; --rule: #d0d7de; --panel: #f6f8fa;
  --met: #116329; --not-met: #b3171f; --undecided: #7a5200; --heat: #0b3d91; --on-heat: #000000;
  --mark: #0b3d91; --input: #e8eef7; --var: #ffffff; --output: #e9f5e9 }
@media (prefers-color-scheme: dark) { :root {
  --page: #0d1117; --ink: #e6edf3; --faint: #9aa4af; --rule: #3d444d; --panel: #161b22;
  --met: #56d364; --not-met: #ff8078; --undecided: #e3b341; --heat: #2563eb; --on-heat: #ffffff;
  --mark: #79b0ff; --input: #1b2a41; --var: #161b22; --output: #16301d } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 62rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25 }
h2 { margin: 2.5rem 0 .75rem; padding-bottom: .25rem; border-bottom: 1px solid var(--rule);
  font-size: 1.2rem }
h3 { margin: 1.25rem 0 .5rem; font-size: 1rem }
p { margin: .5rem 0 }
.claim { margin: .75rem 0; font-size: 1.1rem; font-style: italic }
.verdict { font-weight: 600 }
.met { color: var(--met) } .not-met { color: var(--not-met) } .undecided { color: var(--undecided) }
.warning { padding: .6rem .9rem; border-left: 4px solid var(--undecided); background: var(--panel) }
figure { margin: 1rem 0 }
figcaption, caption { color: var(--faint); font-size: .875rem; text-align: left }
caption { padding-bottom: .4rem; font-weight: 600 }
.wide { overflow-x: auto; margin: .75rem 0 }
.wide:focus-visible { outline: 2px solid var(--mark) }
table { min-width: min(100%, 26rem); border-collapse: collapse; font-size: .9rem;
  font-variant-numeric: tabular-nums }
th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--rule); text-align: left;
  vertical-align: top }
thead th { color: var(--faint); font-weight: 500; white-space: nowrap }
tbody th { min-width: 12rem; font-weight: 400 }
td { white-space: nowrap }
.heat th, .heat td { padding: .3rem .6rem }
.heat tbody th { min-width: 0; white-space: nowrap }
.heat td { position: relative; text-align: center; min-width: 4rem; isolation: isolate }
.heat td i { position: absolute; inset: 0; z-index: -1; background: var(--heat);
  opacity: var(--share); print-color-adjust: exact; -webkit-print-color-adjust: exact }
.heat td { color: var(--on-heat) } .heat td.deep { color: #ffffff }
.heat td.chosen { outline: 3px solid var(--ink); outline-offset: -3px; font-weight: 700 }
dl { display: grid; grid-template-columns: fit-content(45%) 1fr; gap: .2rem 1.25rem;
  margin: .5rem 0; font-size: .9rem }
dt { color: var(--faint) } dd { margin: 0; min-width: 0 }
pre, code, .mono { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: .85rem }
pre { margin: .5rem 0; padding: .8rem 1rem; background: var(--panel); overflow-x: auto;
  overflow-wrap: normal }
ul { margin: .5rem 0; padding-left: 1.25rem }
svg { display: block; height: auto }
.plot { width: 100%; min-width: 34rem; max-width: 760px }
.plot text { fill: var(--ink); font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas,
  monospace;
  paint-order: stroke; stroke: var(--page); stroke-width: 4px; stroke-linejoin: round }
.plot .axis, .plot .key { fill: var(--faint); font-size: 12px }
.plot .grid { stroke: var(--rule) } .plot .track { stroke: var(--rule); stroke-width: 1 }
.plot .bound { stroke: var(--ink); stroke-width: 2 } .plot .side { fill: var(--met); opacity: .12 }
.plot .range { stroke-width: 2 } .plot .open { stroke-dasharray: 3 3 }
.plot .none { color: var(--mark) }
.plot .value, .plot .seed { fill: currentColor } .plot .range { stroke: currentColor }
.plot .seed { opacity: .5 }
.plot text.met { fill: var(--met) } .plot text.not-met { fill: var(--not-met) }
.plot text.undecided { fill: var(--undecided) }
.plot .control, .key .control { fill: none; stroke: var(--faint); stroke-width: 1.5 }
.plot .line { fill: none; stroke: var(--mark); stroke-width: 2 }
.plot .beside { stroke: var(--faint); stroke-width: 1.5 }
.plot .point { fill: var(--mark) } .plot .beside.point { fill: var(--page) }
.plot .won { fill: none; stroke: var(--ink); stroke-width: 2 }
.key { display: inline-flex; align-items: center; gap: .35rem; margin-right: 1.1rem }
.key svg { width: 14px; min-width: 0; height: 14px; color: var(--mark) }
.graph svg { max-width: 100% }
.graph text { fill: var(--ink) } .graph rect { stroke: var(--faint) }
.graph rect[fill="#e8eef7"] { fill: var(--input) } .graph rect[fill="#ffffff"] { fill: var(--var) }
.graph rect[fill="#e9f5e9"] { fill: var(--output) }
.graph > svg > path { stroke: var(--faint) } .graph marker path { fill: var(--faint) }
@media print {
  :root { color-scheme: light; --page: #ffffff; --ink: #000000; --faint: #444444; --rule: #bbbbbb;
    --panel: #f4f4f4; --met: #116329; --not-met: #b3171f; --undecided: #7a5200; --heat: #0b3d91;
    --on-heat: #000000; --mark: #0b3d91; --input: #e8eef7; --var: #ffffff; --output: #e9f5e9 }
  body { max-width: none; padding: 0; font-size: 11pt }
  h2, caption { break-after: avoid } tr, figure, svg { break-inside: avoid }
  .wide { overflow: visible } td, thead th, .heat tbody th { white-space: normal }
  .heat, .heat small { font-size: .7rem } .heat td { min-width: 0 }
  .heat th, .heat td { padding: .15rem .3rem } tbody th { min-width: 0 }
  .graph svg, .plot { min-width: 0 !important } pre { white-space: pre-wrap } }
"""
