// `marked.js` is the library's own file, which the server takes from node_modules.
export { lexer } from 'marked';
