// The editor that answers are written in: CodeMirror, with Python's indentation and the page's look.

import {
  bracketMatching, classHighlighter, defaultKeymap, EditorState, EditorView, forceParsing,
  highlightSpecialChars, history, historyKeymap, indentOnInput, indentUnit, indentWithTab, keymap,
  lineNumbers, pythonLanguage, syntaxHighlighting,
} from "./codemirror/codemirror.mjs";

// After Escape, Tab leaves the editor for so many milliseconds, or until something is typed.
const TAB_IS_FREE = 60_000;

// A new line is indented by what stands before it, which has to be parsed by then. CodeMirror gives
// up after 20 ms and indents as the line above, which a slow phone may need for its first parse.
const PARSING = 1_000;
const parsed = (view) => {
  forceParsing(view, view.state.selection.main.head, PARSING);
  return false; // CodeMirror's own command goes on from here
};

/**
 * Put an editor into `place`. `label` names it to a screen reader, `help` is the id of what is
 * said about its keys; `changed` is given its text after every change, `check` answers Ctrl+Enter.
 */
export function edit({ place, text, label, help, changed, check }) {
  const view = new EditorView({
    parent: place,
    doc: text,
    extensions: [
      lineNumbers(), highlightSpecialChars(), history(), indentOnInput(), bracketMatching(),
      indentUnit.of("    "), EditorState.tabSize.of(4),
      pythonLanguage, syntaxHighlighting(classHighlighter),
      keymap.of([
        { key: "Mod-Enter", run: () => (check(), true) },
        { key: "Enter", run: parsed },
        ...defaultKeymap, ...historyKeymap, indentWithTab,
      ]),
      EditorView.domEventHandlers({
        keyup: (event, here) => {
          if (event.key === "Escape") here.setTabFocusMode(TAB_IS_FREE);
        },
      }),
      EditorView.contentAttributes.of({
        "aria-label": label, "aria-describedby": help,
        autocapitalize: "off", autocorrect: "off", spellcheck: "false", tabindex: "0",
      }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) changed(update.state.doc.toString());
      }),
    ],
  });
  return {
    text: () => view.state.doc.toString(),
    write: (insert) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert } }),
    focus: () => view.focus(),
  };
}
