// Typeset the mathematics of each page as it appears, also after instant navigation.
const typeset = () => {
  for (const element of document.querySelectorAll(".arithmatex:not([data-typeset])")) {
    const source = element.textContent.trim().replace(/^\\[([]|\\[)\]]$/g, "");
    katex.render(source, element, {
      displayMode: element.tagName === "DIV",
      throwOnError: false,
    });
    element.dataset.typeset = "";
  }
};
typeset();
// Instant navigation puts the next page in place without loading it anew.
window.document$?.subscribe(typeset);
