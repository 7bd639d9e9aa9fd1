// Preact by tagged templates: all text becomes text nodes, so nothing from a server or a file is parsed as HTML.
import htm from "htm";
import { h } from "preact";

export const html = htm.bind(h);
