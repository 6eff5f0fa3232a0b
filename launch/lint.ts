import { runTool } from './tools';

runTool('oxlint/bin/oxlint', ['--type-aware', '--deny-warnings', ...process.argv.slice(2)]);
