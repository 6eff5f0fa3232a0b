import { runTool } from './tools';

const args = process.argv.slice(2);
runTool('prettier/bin/prettier.cjs', [args.includes('--check') ? '--check' : '--write', '.']);
