// A lesson as slides: each section gives one, with its question, first equation and figure.

book.slides = (() => {
  const LEFT_OUT = /^(Exercises|What to read next|Ask yourself)\b/;

  const element = (tag, className, ...children) => {
    const made = Object.assign(document.createElement(tag), { className });
    made.append(...children);
    return made;
  };

  /** The sections of the page: each heading with what follows it, up to the next. */
  const sections = () => {
    const found = [];
    for (const part of document.querySelector("article").children) {
      if (/^H[1-3]$/.test(part.tagName)) found.push([part]);
      else found.at(-1)?.push(part);
    }
    return found.filter(([heading]) => !LEFT_OUT.test(heading.textContent));
  };

  /** The question of a section, or else its first sentence. */
  const question = (parts) => {
    const words = parts.filter(({ tagName }) => tagName === "P")
      .map((part) => part.cloneNode(true))
      .filter((part) => !part.querySelector(".md-button, :scope > em:only-child"));
    const asked = words.find((part) => part.textContent.trim().endsWith("?") && part.textContent.length < 200);
    const whole = ({ textContent }) => textContent.length < 260 && /^[\p{Lu}"“]/u.test(textContent);
    const first = asked ?? words.find(whole);
    first?.querySelectorAll(".term-says").forEach((part) => part.remove());
    return first;
  };

  const slide = ([heading, ...parts]) => {
    const made = element("section", "slide");
    const title = element(heading.tagName === "H1" ? "h1" : "h2", "", heading.firstChild.textContent);
    const first = (selector) => {
      for (const part of parts) {
        const found = part.matches(selector) ? part : part.querySelector(selector);
        if (found) return found.cloneNode(true);
      }
      return null;
    };
    const list = heading.id.endsWith("in-short") ? first("ul") : null;
    const shown = [question(parts), list, first("div.arithmatex"), first("figure.figure")];
    const body = element("div", "slide-body", ...shown.filter(Boolean));
    for (const part of body.querySelectorAll("[id]:is(figure, a, p), [tabindex]")) {
      part.removeAttribute("id");
      part.removeAttribute("tabindex");
    }
    made.append(title, body);
    return made;
  };

  /** Make what a slide holds small enough for it. */
  const fit = (one) => {
    const body = one.querySelector(".slide-body");
    for (let size = 100; size > 20; size -= 5) {
      one.style.setProperty("--fit", size / 100);
      const wide = [...body.querySelectorAll("div.arithmatex, .panel"), body];
      if (body.scrollHeight <= body.clientHeight && wide.every((part) => part.scrollWidth <= part.clientWidth + 1)) break;
    }
  };

  let dialog;

  const open = () => {
    if (dialog?.open) return;
    dialog?.remove();
    const slides = sections().map(slide);
    const place = element("p", "slides-place");
    place.setAttribute("role", "status");
    let at = 0;
    const go = (to) => {
      at = Math.max(0, Math.min(slides.length - 1, to));
      slides.forEach((one, number) => one.classList.toggle("shown", number === at));
      fit(slides[at]);
      place.textContent = `${at + 1} of ${slides.length}`;
    };
    const button = (words, onclick) =>
      Object.assign(element("button", "md-button", words), { type: "button", onclick });
    const print = () => {
      slides.forEach((one) => one.classList.add("shown"));
      slides.forEach(fit);
      window.print();
      go(at);
    };
    const bar = element("div", "slides-bar", button("Back", () => go(at - 1)), place,
      button("Next", () => go(at + 1)), button("Print", print), button("Close", () => dialog.close()));
    dialog = element("dialog", "slides md-typeset", ...slides, bar);
    dialog.setAttribute("aria-label", "Slides");
    const keys = {
      ArrowRight: 1, ArrowDown: 1, PageDown: 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1,
      Home: -Infinity, End: Infinity,
    };
    dialog.addEventListener("keydown", (event) => {
      const far = event.key === " " && event.target.tagName !== "BUTTON" ? 1 : keys[event.key];
      event.stopPropagation();
      if (far === undefined) return;
      event.preventDefault();
      go(at + far);
    });
    document.body.append(dialog);
    dialog.showModal();
    addEventListener("resize", () => dialog.open && fit(slides[at]));
    go(0);
  };

  return { open };
})();
