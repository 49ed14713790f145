// @ts-check
import { freshId, h } from './dom.js';
import { textObject } from './text.js';

/** Asks before something is done, as a `confirm` object says. @param {Record<string, any>} confirm @returns {Promise<boolean>} */
export function askFirst(confirm) {
  const [titleId, textId] = [freshId('title'), freshId('text')];
  const { title, text } = confirm;
  const yes = h('button', { class: `block-button ${confirm.style ?? 'primary'}`, value: 'yes' }, confirm.confirm.text);
  const no = h('button', { class: 'block-button', value: 'no', autofocus: true }, confirm.deny.text);
  const dialog = h(
    'dialog',
    { class: 'dialog small', 'aria-labelledby': titleId, 'aria-describedby': textId },
    h(
      'form',
      { method: 'dialog' },
      h('header', { class: 'dialog-head' }, h('h2', { id: titleId }, title.text)),
      h('div', { id: textId, class: 'dialog-body' }, textObject(text)),
      h('footer', { class: 'dialog-foot' }, no, yes),
    ),
  );
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    dialog.showModal();
  });
}
