// What both pages do with the document.

/** The first element that matches. */
export const $ = (selector, root = document) => root.querySelector(selector);

/** A new element, with what it contains. */
export const make = (tag, properties, ...children) => {
	const element = Object.assign(document.createElement(tag), properties);
	element.append(...children);
	return element;
};

/** Text, in which backticks enclose code. */
export const rich = (text) => text.split('`').map((part, index) => (index % 2 ? make('code', {}, part) : part));

/** Makes an element say a text, if it does not yet. */
export const write = (element, text) => {
	if (element.textContent !== String(text)) element.textContent = text;
};

/** Copies a text, and has the button that does it say so for a moment. */
export async function copy(text, button) {
	const { textContent } = button;
	const isCopied = await navigator.clipboard?.writeText(text).then(
		() => true,
		() => false,
	);
	button.textContent = isCopied ? 'Copied' : 'Could not copy';
	setTimeout(() => write(button, textContent), 2000);
}
