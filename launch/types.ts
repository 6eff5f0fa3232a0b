import { runTool } from './tools';

runTool('typescript/bin/tsc', ['-p', 'tsconfig.json', '--noEmit', ...process.argv.slice(2)]);
