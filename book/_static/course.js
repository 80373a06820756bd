// What scrolls inside a page can be reached with the keyboard, and search quotes every page.
"use strict";

const SCROLLERS =
  ".bd-article :is(pre, div.math, mjx-container, .pst-scrollable-table-container, .cell_output, .text_html)";

function makeScrollersFocusable() {
  for (const element of document.querySelectorAll(SCROLLERS)) {
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  }
}

window.addEventListener("load", () => {
  const article = document.querySelector(".bd-article");
  if (article) new ResizeObserver(makeScrollersFocusable).observe(article);
  document.fonts.addEventListener("loadingdone", makeScrollersFocusable);
  window.MathJax?.startup?.promise?.then(makeScrollersFocusable);
});

// Sphinx stops with an error where a result leads to an anchor without text, as index entries do;
// there the beginning of the page is quoted.
document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  const quote = Search.makeSearchSummary;
  Search.makeSearchSummary = (html, terms, anchor) =>
    quote(html, terms, anchor) ?? quote(html, terms) ?? new Text("");
});
