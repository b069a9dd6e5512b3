/**
 * The style of `<job-progress>`, one sheet for all of them. It takes font family, language, direction and colour scheme
 * from the page; `all: initial` keeps everything else out. Sizes are in `em` of 14 px, or of the reader's own font size
 * where that is larger: a page that shrinks its `rem` does not shrink the card. Heights are those of the fullest card.
 */

const TOKENS = `
--surface:var(--jp-surface,light-dark(#fff,#16191b));--ink:var(--jp-ink,light-dark(#17191c,#eceeef));
--ink-2:var(--jp-ink-2,light-dark(#4a4f55,#b0b6bc));--ink-3:var(--jp-ink-2,light-dark(#656a71,#8f969d));
--line:var(--jp-line,light-dark(#e6e6e2,#262b2e));--track:var(--jp-track,light-dark(#e4e5e1,#2b3135));
--idle:var(--jp-idle,light-dark(#7c8288,#858d94));--run:var(--jp-run,light-dark(#2459c9,#7ba6ff));
--ok:var(--jp-ok,light-dark(#1a7544,#5cc98f));--warn:var(--jp-warn,light-dark(#845600,#e3b155));
--warn-fill:var(--jp-warn,light-dark(#a86c00,#d9a441));--bad:var(--jp-bad,light-dark(#b8322a,#ff8a80));
--control:light-dark(#84898f,#6d757c);--edge:color-mix(in srgb,var(--control) 45%,var(--line));`;

const HOST = `
:host{display:block;min-width:0;max-width:100%;contain:inline-size;contain-intrinsic-inline-size:320px;text-indent:0!important}
:host([size=full]){contain-intrinsic-inline-size:480px}
:host([size=inline]){display:inline;contain:none}
:host([hidden]){display:none}
:host([theme=light]){color-scheme:light}
:host([theme=dark]){color-scheme:dark}`;

const BASE = `
.jp,.pop{all:initial;${TOKENS}
color-scheme:inherit;font-family:inherit;font-size:max(.875rem,14px);line-height:1.4286;color:var(--ink);
font-variant-numeric:tabular-nums lining-nums;-webkit-font-smoothing:antialiased;text-size-adjust:100%}
:is(.jp,.pop),:is(.jp,.pop) *{box-sizing:border-box}
[hidden],:is(.jp,.pop)[hidden]{display:none!important}
h2,p,ol{margin:0;padding:0;font:inherit}
ol{list-style:none}
a{color:inherit;text-decoration:none}
svg{flex:none;width:16px;height:16px;fill:none;stroke:currentColor;stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}
:focus-visible{outline:2px solid var(--run);outline-offset:2px;border-radius:4px}
.c-run{color:var(--run)}.c-ok{color:var(--ok)}.c-warn{color:var(--warn)}.c-bad{color:var(--bad)}.c-3{color:var(--ink-3)}
.btn{display:inline-flex;align-items:center;justify-content:center;flex:none;min-height:28px;padding:0 10px;border:1px solid var(--edge);
border-radius:7px;background:var(--surface);color:var(--ink);font:inherit;font-size:.9286em;font-weight:500;line-height:1.2;white-space:nowrap;cursor:pointer}
.btn:hover{border-color:var(--control)}
.quiet,[data-size=compact] [data-verb=cancel]{border-color:transparent;background:none;color:var(--ink-2)}
.danger{color:var(--bad);border-color:color-mix(in srgb,var(--bad) 45%,var(--line))}
.btn[aria-disabled]{border-color:transparent;background:none;color:var(--ink-3);cursor:default}`;

const BAR = `
.bar{position:relative;display:flex;height:6px;color:var(--run);print-color-adjust:exact;--tip:3px;--way:1}
.bar:dir(rtl){--way:-1}
.parts{display:flex;flex:1;gap:2px;min-width:0}
.bar i{position:relative;flex:var(--w,1) 1 0;min-width:3px;overflow:hidden;border-radius:var(--tip);background:var(--track)}
.bar i *{position:absolute;inset-block:0}
.bar span span{inset-inline:0;border-radius:inherit;background:currentColor;transform:translateX(calc((var(--p,0)*1% - 100%)*var(--way)));
transition:transform .4s linear}
.bar u{inset-inline-start:calc(var(--from)*1%);width:max(3px,calc((var(--to) - var(--from))*1%));background:var(--bad);box-shadow:-1px 0 0 var(--surface)}
.bar s{inset-inline-start:calc(var(--from)*1%);width:calc((var(--to) - var(--from))*1%);background:repeating-linear-gradient(90deg,#0000 0 2px,currentColor 2px 4px)}
.bar[data-lost] s{color:var(--bad)}
.bar>b{position:absolute;inset-block:-3px;inset-inline-start:calc(var(--at)*1% - 1px);width:2px;border-radius:1px;background:var(--ink);box-shadow:0 0 0 1.5px var(--surface)}
[data-b=warn]{color:var(--warn-fill)}
[data-b=idle],[data-b=undo]{color:var(--idle)}
[data-b=ok]{color:var(--ok)}
[data-b=undo] span span{inset-inline-end:auto;width:calc(var(--p,0)*1%);transform:none;border-radius:0;background:repeating-linear-gradient(90deg,currentColor 0 2px,#0000 2px 4px)}
[data-b=none] i{border-radius:0;background:none}
[data-b=none] span span{inset-block:2px;transform:none;border-radius:0;background:repeating-linear-gradient(90deg,var(--idle) 0 2px,#0000 2px 8px);opacity:.7}
[data-moving] span{inset-inline-end:auto!important;width:32%;animation:slide 2.4s cubic-bezier(.45,0,.55,1) infinite alternate}
@keyframes slide{from{transform:none}to{transform:translateX(calc(212.5%*var(--way)))}}`;

const CARD = `
.jp{display:flex;flex-direction:column;padding:13px 16px 12px;min-height:calc(2.7143em + 48px);border:1px solid var(--line);
border-radius:var(--jp-radius,10px);background:var(--surface)}
.t{display:flex;align-items:baseline;gap:10px;min-width:0}
.t svg{align-self:center}
.name{display:flex;flex:1;gap:.3em;min-width:0;direction:ltr;font-weight:600;white-space:nowrap}
.jp:dir(rtl) .name{justify-content:flex-end}
.title,.rest,.text,.eta,.foot{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.rest{flex:0 1 auto}
.title[hidden]~.rest{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;white-space:normal}
.title[href]:hover{text-decoration:underline;text-decoration-color:color-mix(in srgb,currentColor 35%,#0000);text-underline-offset:3px}
.pct{font-weight:600;white-space:nowrap}
.jp .bar{margin:8px 0 7px}
.l{display:flex;gap:12px;justify-content:space-between;min-width:0;min-height:1.3846em;color:var(--ink-2);font-size:.9286em;line-height:1.3846}
.l .text{flex:0 1 auto}
.l .eta{flex:none;max-width:60%;margin-inline-start:auto}
.f{display:flex;align-items:center;gap:8px}
[data-look=blank] .l{color:var(--ink-3)}
[data-look=blank] .f{visibility:hidden}

[data-size=compact]{display:grid;grid-template:"t f" "b b" "l l"/minmax(0,1fr) auto;align-content:center}
[data-size=compact] .t{grid-area:t}
[data-size=compact] .bar{grid-area:b}
[data-size=compact] .l{grid-area:l}
[data-size=compact] .f{grid-area:f}
[data-size=compact] ol,[data-size=compact] .foot,[data-look=note] :is(.bar,ol,.foot){display:none}
[data-size=compact][data-look=bar] .btn{min-height:24px;margin-block:-2px;margin-inline:4px -8px;padding:0 8px}
.jp[data-look=note]:not([data-size=inline]){display:grid;grid-template:"t f" "l f"/minmax(0,1fr) auto;column-gap:12px;align-content:center}
[data-look=note] :is(.t,.l){gap:12px}
[data-look=note] .t{grid-area:t}
[data-look=note] .l{grid-area:l;padding-inline-start:28px}
[data-look=note] .f{grid-area:f}

[data-size=full]{padding:18px 20px 14px;min-height:calc(9em + 150px)}
[data-size=full]:not([data-look=note]) .t{min-height:2.5714em}
[data-size=full] .t:has(.pct:is([data-word],:empty)){align-items:center}
[data-size=full] .pct:not([data-word]){font-size:2.5714em;font-weight:500;line-height:1;letter-spacing:-.03em}
.pct[data-word]{font-weight:500}
[data-size=full][data-look=bar] .t svg{order:1}
[data-size=full][data-look=bar] .pct{order:2}
[data-size=full] .bar{height:8px;margin:14px 0 10px}
[data-look=end] .bar{visibility:hidden;height:0;margin:5px 0}
ol{display:grid;gap:5px;align-content:start;flex:1;margin-top:14px;font-size:.9286em;line-height:1.3846}
ol:has(:nth-child(3)){align-content:space-evenly}
li{display:flex;gap:10px;align-items:center;min-width:0;color:var(--ink-2)}
li svg{width:14px;height:14px}
li .more,li .took{flex:none;color:var(--ink-3);white-space:nowrap}
li .took{margin-inline-start:auto}
[aria-current]{color:var(--ink);font-weight:500}
[aria-current] .took{font-weight:400}
[data-size=full]:not([data-look=note]) .f{margin-top:auto;padding-top:12px;border-top:1px solid var(--line)}
[data-size=full]:not([data-look=note]) ol+.f{margin-top:14px}
.foot{flex:1;color:var(--ink-3);font-size:.8571em;line-height:1.3333}`;

const INLINE = `
.jp[data-size=inline]{display:inline-flex;flex-direction:row;align-items:baseline;gap:.45em;max-width:100%;min-height:0;padding:0;border:0;
background:none;color:var(--jp-ink,inherit);font:inherit;font-variant-numeric:tabular-nums lining-nums;white-space:nowrap;vertical-align:baseline}
[data-size=inline] :is(.t,.l,.f){display:contents;font:inherit;color:inherit;line-height:inherit}
[data-size=inline] :is(.name,ol,.foot){display:none}
[data-size=inline] svg{align-self:center;width:.95em;height:.95em}
[data-size=inline] .bar{order:-1;align-self:center;flex:0 1 72px;width:72px;min-width:24px;height:4px;margin:0;--tip:2px}
[data-size=inline] .eta{flex:0 1 auto;max-width:none;margin:0}
[data-size=inline] .btn{min-height:0;padding:0;border:0;background:none;color:inherit;font:inherit;text-decoration:underline;
text-decoration-color:color-mix(in srgb,currentColor 35%,#0000);text-underline-offset:3px}`;

const POP = `
.pop{position:fixed;inset:var(--y,50%) auto auto var(--x,50%);display:block;width:min(284px,calc(100vw - 32px));padding:16px;border:1px solid var(--line);
border-radius:12px;background:var(--jp-surface,light-dark(#fff,#1c2023));box-shadow:0 1px 2px light-dark(#0000000a,#0006),0 12px 32px -8px light-dark(#00000029,#000c)}
.pop:not(:popover-open){display:none}
.pop h2{font-weight:600}
.pop p{margin:4px 0 14px;color:var(--ink-2);font-size:.9286em}
.pop div{display:flex;flex-wrap:wrap;gap:8px;justify-content:flex-end}
.pop .btn{min-height:32px;padding:0 12px}`;

const MEDIA = `
@media (forced-colors:active){.bar,.bar[data-b]{forced-color-adjust:none;color:Highlight;--track:Canvas;--surface:Canvas;--ink:CanvasText;--bad:CanvasText;--idle:CanvasText}
.bar i{border:1px solid CanvasText}}
@media (prefers-reduced-motion:reduce){.bar span span{transition:none;animation:none}
[data-moving] span{width:auto!important;inset-inline-end:0!important;transform:none!important;background:repeating-linear-gradient(90deg,currentColor 0 6px,#0000 6px 12px)}}`;

export const STYLE = HOST + BASE + BAR + CARD + INLINE + POP + MEDIA;
