// The style and the script of the HTML report, both inline.
#include "evaluation/report_style.h"

namespace leat {

// Hues: Okabe and Ito 2008; the dark set is the same hues, lighter.
const char kReportStyle[] = R"css(
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#16191d;--soft:#5b6470;--rule:#e1e5ea;
--grid:#eceff3;--good:#00734f;--goodbg:#e2f4ed;--bad:#a83e00;--badbg:#fdece1;--mark:#a83e00;
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b3548b;--c4:#b88700;--c5:#3a93c9;--g0:#6b7480;--g1:#8a929d;--g2:#a2a9b3}
@media (prefers-color-scheme:dark){:root{--bg:#111418;--card:#1a1e24;--ink:#e8ebef;--soft:#9aa4b1;
--rule:#2c323a;--grid:#242a31;--good:#4fd3a6;--goodbg:#12352b;--bad:#ff9a5c;--badbg:#3c2415;--mark:#ff9a5c;
--c0:#56b4e9;--c1:#ff8b3d;--c2:#2bc79a;--c3:#e39bc6;--c4:#efc23c;--c5:#9fd5f5;--g0:#9aa4b1;--g1:#7d8794;--g2:#656e7a}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif}
main,header,footer{max-width:1120px;margin:0 auto;padding:0 24px}
header{padding-top:36px}
h1{font-size:28px;line-height:1.2;margin:0;letter-spacing:-.015em}
h2{font-size:18px;margin:0 0 2px;letter-spacing:-.01em}
h3{font-size:15px;margin:0 0 8px}
p{margin:0 0 10px}.soft,.note{color:var(--soft)}.note{font-size:13px}
header p{margin:6px 0 0}
code{font:12.5px/1.4 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;overflow-wrap:anywhere}
section{background:var(--card);border:1px solid var(--rule);border-radius:12px;padding:20px 22px;margin:18px 0}
.keys{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:14px;margin:22px 0 18px}
.key{background:var(--card);border:1px solid var(--rule);border-radius:12px;padding:16px 18px}
.key .name{color:var(--soft);font-size:13px}
.key .value{font-size:32px;font-weight:650;letter-spacing:-.02em;line-height:1.25;font-variant-numeric:tabular-nums}
.key .rest{font-size:13px;color:var(--soft)}.key .pill{margin:4px 0 5px}
.pill{display:inline-block;border-radius:99px;padding:1px 9px;font-size:12.5px;font-weight:600;white-space:nowrap;max-width:100%;overflow:hidden;text-overflow:ellipsis;vertical-align:middle}
.pill.good{color:var(--good);background:var(--goodbg)}.pill.bad{color:var(--bad);background:var(--badbg)}
.pill.plain{color:var(--soft);background:var(--grid)}
.wide{overflow-x:auto;margin:10px -4px 0;padding:0 4px}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th{font-weight:600;color:var(--soft);font-size:12.5px;text-align:right;vertical-align:bottom;line-height:1.25}
th,td{padding:7px 9px;border-bottom:1px solid var(--rule);white-space:nowrap}
thead th{border-bottom-color:var(--soft);white-space:normal}
td{text-align:right}tbody tr:last-child>*{border-bottom:0}
th.text,td.text,tbody th{text-align:left}
tbody th{color:var(--ink);font-size:14px}
tr.baseline th,tr.baseline td{color:var(--soft);font-weight:400}
tr td.best,tr.baseline td.best{font-weight:700;color:var(--ink)}
td.wrap{white-space:normal;overflow-wrap:anywhere;min-width:120px}
svg{display:block;width:100%;height:auto;overflow:visible}
svg text{fill:var(--soft);font-size:12px}svg .second{font-size:11px;opacity:.85}svg .label{font-size:12px}
.grid path{stroke:var(--grid);stroke-width:1}.axis{stroke:var(--soft);stroke-width:1;fill:none}
.diagonal{stroke:var(--soft);stroke-dasharray:2 4;fill:none}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.s0{stroke:var(--c0);--dot:var(--c0)}.s1{stroke:var(--c1);--dot:var(--c1)}.s2{stroke:var(--c2);--dot:var(--c2)}
.s3{stroke:var(--c3);--dot:var(--c3)}.s4{stroke:var(--c4);--dot:var(--c4)}.s5{stroke:var(--c5);--dot:var(--c5)}
.b0{stroke:var(--g0);stroke-dasharray:7 4}.b1{stroke:var(--g1);stroke-dasharray:2 4}.b2{stroke:var(--g2);stroke-dasharray:9 3 2 3}
.line.b0,.line.b1,.line.b2{stroke-width:1.6}.line.s0{stroke-width:2.4}
.band{fill:var(--dot);stroke:none;opacity:.18}
.dot{fill:var(--card);stroke-width:2;stroke-dasharray:none}
.mark path{stroke:var(--mark);stroke-width:1.2;stroke-dasharray:4 3;opacity:.75}
.mark .flag{fill:var(--mark);stroke:none;opacity:1}.mark.warning{opacity:.45}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;margin:6px 0 0;padding:0;font-size:13px}
.legend li{display:flex;align-items:center;gap:7px}.legend svg{width:26px;height:8px;flex:none}
.legend .flag{fill:var(--mark)}
.pick{position:absolute;opacity:0;pointer-events:none}
.tabs{display:flex;flex-wrap:wrap;gap:6px;margin:12px 0 6px}
.tabs label{border:1px solid var(--rule);border-radius:99px;padding:3px 12px;font-size:13px;cursor:pointer}
.tabs label:hover{border-color:var(--soft)}
.panel{display:none;position:relative}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(400px,1fr));gap:18px}.two section{margin:0}
.tip{position:absolute;display:none;pointer-events:none;background:var(--card);border:1px solid var(--rule);border-radius:8px;
box-shadow:0 4px 18px rgb(0 0 0/.16);padding:8px 11px;font-size:12.5px;font-variant-numeric:tabular-nums;white-space:nowrap;z-index:2}
.tip b{display:block;margin-bottom:2px}.tip i{font-style:normal;color:var(--soft);margin-right:10px}.tip div{display:flex;justify-content:space-between}
.cross{stroke:var(--soft);stroke-width:1;visibility:hidden}
.bar{display:flex;height:22px;border-radius:6px;overflow:hidden;margin:12px 0 8px;background:var(--grid)}
.bar span{display:block;min-width:2px}.m0{background:var(--c2)}.m1{background:var(--c4)}.m2{background:var(--c5)}
.sw{display:inline-block;width:11px;height:11px;border-radius:3px;flex:none}
.sum{font-size:16px;font-variant-numeric:tabular-nums}
.facts{display:flex;flex-wrap:wrap;gap:8px 26px;margin:12px 0 0}
.facts div{min-width:84px}.facts dt{color:var(--soft);font-size:12.5px}.facts dd{margin:0;font-weight:600;font-variant-numeric:tabular-nums}
.share{display:inline-block;height:9px;border-radius:3px;background:var(--c4);vertical-align:middle}
.models{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:14px 26px;margin-top:12px}
.models dl{display:grid;grid-template-columns:auto 1fr;gap:2px 14px;margin:0;font-size:14px}
.models dt{color:var(--soft)}.models dd{margin:0;text-align:right;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
footer{color:var(--soft);font-size:13px;padding-bottom:44px;padding-top:4px}
@media (max-width:520px){main,header,footer{padding-left:12px;padding-right:12px}section{padding:16px 14px}.two{grid-template-columns:1fr}}
@media (max-width:640px){.panel{overflow-x:auto}.panel svg{min-width:620px}}
@media print{body{background:#fff}.panel{display:block!important}.tabs{display:none}section{break-inside:avoid}}
)css";

// Only for reading values off the curves; the page is complete without it.
const char kReportScript[] = R"js(
document.querySelectorAll('.panel').forEach(function(panel){
  var svg=panel.querySelector('svg'),source=panel.querySelector('script[type="application/json"]');
  if(!svg||!source)return;
  var data=JSON.parse(source.textContent),box=svg.viewBox.baseVal;
  var tip=document.createElement('div');tip.className='tip';panel.appendChild(tip);
  var cross=document.createElementNS('http://www.w3.org/2000/svg','path');
  cross.setAttribute('class','cross');svg.appendChild(cross);
  function hide(){tip.style.display='none';cross.style.visibility='hidden'}
  svg.addEventListener('pointerleave',hide);
  svg.addEventListener('pointermove',function(event){
    var area=svg.getBoundingClientRect(),x=(event.clientX-area.left)*box.width/area.width,best=0;
    data.x.forEach(function(v,i){if(Math.abs(v-x)<Math.abs(data.x[best]-x))best=i});
    tip.textContent='';
    var head=document.createElement('b');head.textContent=data.at[best];tip.appendChild(head);
    data.rows.forEach(function(row){
      var line=document.createElement('div'),name=document.createElement('i'),value=document.createElement('span');
      name.textContent=row.name;value.textContent=row.values[best];
      line.appendChild(name);line.appendChild(value);tip.appendChild(line)});
    var left=data.x[best]*area.width/box.width;
    tip.style.display='block';tip.style.top='14px';
    tip.style.left=(left+14+tip.offsetWidth>area.width?left-14-tip.offsetWidth:left+14)+'px';
    cross.setAttribute('d','M'+data.x[best]+' 16V'+(box.height-54));cross.style.visibility='visible'});
});
)js";

}  // namespace leat
