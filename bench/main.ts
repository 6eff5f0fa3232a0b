// `npm run bench` compares systems within one run; `npm run bench -- audit` measures the audit of a large ledger.
const [what] = process.argv.slice(2);
if (what === 'audit') process.argv.splice(2, 1);
// Each of them is a command of its own, which reads the arguments and sets the exit status.
void (what === 'audit' ? import('./audit.main.js') : import('./compare.main.js'));
